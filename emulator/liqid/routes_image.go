package liqid

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The calls about images: liqid-api.md 2.15 and 3.8. No known client makes them;
// what is not said there is decided here: an upload keeps an image's name, kind
// and day but not its bytes, and an installed boot image shows in
// machine/details at once.

// imageRecord is an Image (liqid-api.md 1.4).
type imageRecord struct {
	Index     int            `json:"index"`
	Filename  string         `json:"filename"`
	Type      string         `json:"type"`
	Arguments imageArguments `json:"arguments"`
	TimeFrame string         `json:"time_frame"`
	Date      string         `json:"date"`
	Owner     string         `json:"owner"`
}

type imageArguments struct {
	Arguments string `json:"arguments"`
}

// imageTypes are the lists of images; what nothing can be uploaded for is
// always empty. uploadTypes says which list an upload goes to.
var (
	imageTypes  = []string{"boot", "fpga", "vnic", "upgrade", "application"}
	uploadTypes = map[string]string{"img": "boot", "iso": "boot", "fpga": "fpga"}
)

const maxFilename = 255

func (r *request) imageType() (string, error) {
	t := r.PathValue("type")
	if t == "" {
		t = "boot" // bimg
	}
	if !slices.Contains(imageTypes, t) {
		return "", &refusal{http.StatusNotFound, "", "there are no images of type " + t + "; there are " + strings.Join(imageTypes, ", ")}
	}
	return t, nil
}

// images lists one type. Only bimg's list is narrowed, by index, filename, date
// and owner.
func (r *request) images() (any, error) {
	t, err := r.imageType()
	if err != nil {
		return nil, err
	}
	index, byIndex, err := r.queryNumber("index")
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	out := []imageRecord{}
	for _, v := range r.settings.Images {
		if v.Type != t || (byIndex && v.Index != index) {
			continue
		}
		if is := query.Get("filename"); is != "" && is != v.Filename {
			continue
		}
		if is := query.Get("date"); is != "" && is != v.Date {
			continue
		}
		if is := query.Get("owner"); is != "" && is != v.Owner {
			continue
		}
		out = append(out, v)
	}
	return out, nil
}

// upload takes a multipart body with one part "file". The limit of every body,
// Config.MaxBody, is the limit of an image.
func (r *request) upload() (any, error) {
	kind := r.PathValue("kind")
	if kind == "" {
		kind = "img" // bimg
	}
	t, known := uploadTypes[kind]
	if !known {
		return nil, &refusal{http.StatusNotFound, "", "nothing is uploaded as " + kind + "; there are fpga, img, iso"}
	}
	filename, err := r.uploaded()
	if err != nil {
		return nil, err
	}
	_, err = r.d.change(true, func(s *state) error {
		if len(s.settings.Images) >= MaxImages {
			return invalid("cannot keep %s: there are %d images, the most this director keeps; delete one first", filename, MaxImages)
		}
		if slices.ContainsFunc(s.settings.Images, func(v imageRecord) bool { return v.Filename == filename && v.Type == t }) {
			return invalid("there is a %s image %s already; delete it first", t, filename)
		}
		s.settings.Images = append(s.settings.Images, imageRecord{
			Index: s.settings.NextImage, Filename: filename, Type: t, TimeFrame: "restart",
			Date: r.d.clock().UTC().Format(time.DateOnly), Owner: unset,
		})
		s.settings.NextImage++
		return nil
	})
	return nil, err
}

// uploaded reads the name of the uploaded file, and the file to its end.
func (r *request) uploaded() (string, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return "", invalid("the body is not multipart/form-data with a part named file")
	}
	parts := multipart.NewReader(bytes.NewReader(r.body), params["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return "", invalid("the body has no part named file")
		}
		if err != nil {
			return "", invalid("the body is not whole: %v", err)
		}
		if part.FormName() != "file" {
			continue
		}
		name := path.Base(part.FileName())
		if part.FileName() == "" || name == "/" || len(name) > maxFilename {
			return "", invalid("the file has no name of up to %d bytes", maxFilename)
		}
		if _, err := io.Copy(io.Discard, part); err != nil {
			return "", invalid("the file is not whole: %v", err)
		}
		return name, nil
	}
}

// imageContext is what installing asks for: which image, and where to
// (liqid-api.md 1.4 ImageContext; its device record is not described anywhere).
type imageContext struct {
	Image *struct {
		Index    number `json:"index"`
		Filename text   `json:"filename"`
	} `json:"image"`
	Machine *fields       `json:"machine"`
	Device  *deviceFields `json:"device"`
}

// install gives a boot image to a machine, or an fpga image to an fpga, and
// answers what it was sent.
func (r *request) install() (any, error) {
	t, err := r.imageType()
	if err != nil {
		return nil, err
	}
	var ask imageContext
	if err := r.decode(&ask); err != nil {
		return nil, err
	}
	if ask.Image == nil {
		return nil, invalid("image is missing")
	}
	_, err = r.d.change(true, func(s *state) error {
		i := slices.IndexFunc(s.settings.Images, func(v imageRecord) bool {
			return v.Type == t && ((ask.Image.Index.given && v.Index == ask.Image.Index.value) ||
				(!ask.Image.Index.given && v.Filename == string(ask.Image.Filename)))
		})
		if i < 0 {
			return invalid("there is no such %s image", t)
		}
		if t == "fpga" {
			return s.program(ask.Device, s.settings.Images[i].Filename)
		}
		if ask.Machine == nil || !ask.Machine.MachID.given {
			return invalid("machine.mach_id is missing")
		}
		m, err := s.needMachine(ask.Machine.MachID.value)
		if err != nil {
			return err
		}
		m.Boot, m.Changed = s.settings.Images[i].Filename, r.d.clock().Unix()
		s.machines[m.ID] = m
		return nil
	})
	return one(json.RawMessage(r.body)), err
}

// program notes which image an fpga runs; no record of the API shows it.
func (s *state) program(which *deviceFields, image string) error {
	if which == nil {
		return invalid("device is missing")
	}
	d, err := s.find(string(which.Name), string(which.DevID))
	if err != nil {
		return err
	}
	if err := needClass(d, ClassFPGA); err != nil {
		return err
	}
	if s.settings.Programs == nil {
		s.settings.Programs = map[string]string{}
	}
	s.settings.Programs[d.Name] = image
	return nil
}

func (r *request) deleteImage() (any, error) {
	t, err := r.imageType()
	if err != nil {
		return nil, err
	}
	index, err := strconv.Atoi(r.PathValue("index"))
	if err != nil || index < 0 {
		return nil, invalid("index %q is not a number from 0 on", r.PathValue("index"))
	}
	var deleted imageRecord
	_, err = r.d.change(true, func(s *state) error {
		i := slices.IndexFunc(s.settings.Images, func(v imageRecord) bool { return v.Type == t && v.Index == index })
		if i < 0 {
			return invalid("there is no %s image %d", t, index)
		}
		deleted = s.settings.Images[i]
		s.settings.Images = slices.Delete(s.settings.Images, i, i+1)
		return nil
	})
	return one(deleted), err
}
